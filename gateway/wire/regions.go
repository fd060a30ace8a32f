package wire

import (
	"errors"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	"galatea/internal/shm"
)

// Regions is the shared memory that clients have registered, with Triton's words for what
// goes wrong. A nil one is for a server whose clients may not use any.
type Regions struct{ all shm.Regions }

// ErrNoRegions says that clients may not use shared memory.
var ErrNoRegions = Unsupported("Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.")

// reserved begins the keys of objects that are not clients'.
const reserved = "triton_python_backend_shm_region_"

// maxRegionName is the most bytes of a region's name, which is kept.
const maxRegionName = 1024

// Register makes shared memory known by a name.
func (r *Regions) Register(region shm.Region) error {
	switch {
	case r == nil:
		return ErrNoRegions
	case region.Name == "":
		return Invalid("shared memory region has no name")
	case len(region.Name) > maxRegionName:
		return Invalid("shared memory region has a name of %d bytes: expected at most %d", len(region.Name), maxRegionName)
	case strings.HasPrefix(strings.TrimPrefix(region.Key, "/"), reserved):
		return Invalid("cannot register shared memory region '%s' with key '%s' as the key contains the reserved prefix '%s'", region.Name, region.Key, reserved)
	case region.Size == 0:
		return Invalid("shared memory region '%s' has a size of 0 bytes: expected at least 1", region.Name)
	}
	err := r.all.Register(region)
	switch {
	case errors.Is(err, shm.ErrExists):
		return &Error{Status: http.StatusBadRequest, Code: codes.AlreadyExists, Text: "shared memory region '" + region.Name + "' already in manager"}
	case errors.Is(err, shm.ErrTooMany):
		return Invalid("failed to register shared memory region '%s': there are %d already, as many as there may be: unregister some", region.Name, shm.MostRegions)
	case errors.Is(err, shm.ErrOpen):
		return Failed("Unable to open shared memory region: '%s'", region.Key)
	case errors.Is(err, shm.ErrSize):
		return Invalid("failed to register shared memory region '%s': the object '%s' is smaller than offset %d and byte size %d need", region.Name, region.Key, region.Offset, region.Size)
	default:
		return err
	}
}

// Unregister forgets a region; all of them where name is empty. What uses one goes on.
func (r *Regions) Unregister(name string) error {
	switch {
	case r == nil:
		return ErrNoRegions
	case name == "":
		return r.all.UnregisterAll()
	default:
		return r.all.Unregister(name)
	}
}

// List returns the regions by name; the one of that name where it is not empty.
func (r *Regions) List(name string) ([]shm.Region, error) {
	if r == nil {
		return nil, ErrNoRegions
	}
	list, err := r.all.List(name)
	if err != nil {
		return nil, NotFound("Unable to find system shared memory region: '%s'", name)
	}
	return list, nil
}

// RegisterCUDA refuses memory of a GPU: nothing here could read it.
func (r *Regions) RegisterCUDA(name string) error {
	if r == nil {
		return ErrNoRegions
	}
	return Unsupported("failed to register CUDA shared memory region: '%s', GPUs not supported", name)
}

// CUDAStatus returns nil for all regions in memory of a GPU, of which there are none, and
// an error for one of them.
func (r *Regions) CUDAStatus(name string) error {
	switch {
	case r == nil:
		return ErrNoRegions
	case name != "":
		return NotFound("Unable to find cuda shared memory region: '%s'", name)
	default:
		return nil
	}
}

// Part is where a tensor lies in shared memory.
type Part struct {
	Region string // "": it does not
	Offset uint64
	Size   uint64 // bytes of the tensor; for an output, the most that it may have
}

// Check returns nil when the part lies in a region that is there.
func (r *Regions) Check(p Part) error {
	if r == nil {
		return ErrNoRegions
	}
	return partError(p, r.all.Check(p.Region, p.Offset, p.Size))
}

// Read fills to, which has the part's size.
func (r *Regions) Read(p Part, to []byte) error {
	if r == nil {
		return ErrNoRegions
	}
	return partError(p, r.all.Read(p.Region, p.Offset, to))
}

// Write copies an output's bytes to its part.
func (r *Regions) Write(p Part, output string, from []byte) error {
	switch {
	case r == nil:
		return ErrNoRegions
	case uint64(len(from)) > p.Size:
		return Failed("shared memory size specified with the request for output '%s' (%d bytes) should be at least %d bytes to hold the results", output, p.Size, len(from))
	}
	return partError(p, r.all.Write(p.Region, p.Offset, from))
}

func partError(p Part, err error) error {
	switch {
	case errors.Is(err, shm.ErrUnknown):
		return NotFound("Unable to find shared memory region: '%s'", p.Region)
	case errors.Is(err, shm.ErrOffset):
		return Invalid("Invalid offset for shared memory region: '%s'", p.Region)
	case errors.Is(err, shm.ErrRange):
		return Invalid("Invalid offset + byte size for shared memory region: '%s'", p.Region)
	case errors.Is(err, shm.ErrSize):
		return Invalid("shared memory region '%s' has become smaller than it was registered", p.Region)
	default:
		return err
	}
}

// Close forgets all regions.
func (r *Regions) Close() error {
	if r == nil {
		return nil
	}
	return r.all.UnregisterAll()
}
