// Package backend is the contract between the gateway and a runtime that executes
// models: an Artifact is loaded into a Model, a Model makes Instances, and an
// Instance runs one Batch at a time.
//
// The package holds types only. backend/onnx fulfils the contract with ONNX
// Runtime, backend/fake with chosen delays and faults for tests;
// backend/backendtest is the suite that both pass.
package backend
