package wire

// RequestBounds are the upper ends of the buckets, in seconds, in which fronts count how
// long their answers took.
var RequestBounds = []float64{
	0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
}
