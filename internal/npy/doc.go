// Package npy reads arrays from NumPy's .npy files (NEP 1), versions 1 to 3. It has no
// state and starts no goroutine; it may be called from any.
package npy
