package rpc

import (
	"path"
	"strings"

	"galatea/gateway/wire"
)

// methodCategories are the categories of the service's methods; what is not here is
// metadata.
var methodCategories = map[string]wire.Category{
	"ServerLive": wire.CategoryHealth, "ServerReady": wire.CategoryHealth, "ModelReady": wire.CategoryHealth,
	"ModelInfer": wire.CategoryInference, "ModelStreamInfer": wire.CategoryInference,
	"ModelConfig":     wire.CategoryModelConfig,
	"ModelStatistics": wire.CategoryStatistics,
	"RepositoryIndex": wire.CategoryModelRepository, "RepositoryModelLoad": wire.CategoryModelRepository, "RepositoryModelUnload": wire.CategoryModelRepository,
	"SystemSharedMemoryStatus": wire.CategorySharedMemory, "SystemSharedMemoryRegister": wire.CategorySharedMemory, "SystemSharedMemoryUnregister": wire.CategorySharedMemory,
	"CudaSharedMemoryStatus": wire.CategorySharedMemory, "CudaSharedMemoryRegister": wire.CategorySharedMemory, "CudaSharedMemoryUnregister": wire.CategorySharedMemory,
	"TraceSetting": wire.CategoryTrace,
	"LogSettings":  wire.CategoryLogging,
}

// HeaderPrefix is before the keys by which callers may use restricted calls, as Triton has
// it.
const HeaderPrefix = "triton-grpc-protocol-"

// categoryOf returns the category of a method by its full name.
func categoryOf(method string) wire.Category {
	if strings.HasPrefix(method, "/grpc.health.") {
		return wire.CategoryHealth
	}
	if c, known := methodCategories[path.Base(method)]; known {
		return c
	}
	return wire.CategoryMetadata
}
