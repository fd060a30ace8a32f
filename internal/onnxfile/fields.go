package onnxfile

// The wire types of the fields below: a tag is a field's number and its wire type.
const (
	num = 0 // varint
	sub = 2 // length-delimited
)

// The fields of ONNX's messages that are read, by their tags.
const (
	modelIRVersion       = 1<<3 | num
	modelProducer        = 2<<3 | sub
	modelProducerVersion = 3<<3 | sub
	modelDomain          = 4<<3 | sub
	modelVersion         = 5<<3 | num
	modelDocString       = 6<<3 | sub
	modelGraph           = 7<<3 | sub
	modelOpset           = 8<<3 | sub
	modelMetadata        = 14<<3 | sub
	modelFunction        = 25<<3 | sub

	opsetDomain  = 1<<3 | sub
	opsetVersion = 2<<3 | num

	entryKey   = 1<<3 | sub
	entryValue = 2<<3 | sub

	graphNode        = 1<<3 | sub
	graphName        = 2<<3 | sub
	graphInitializer = 5<<3 | sub
	graphInput       = 11<<3 | sub
	graphOutput      = 12<<3 | sub
	graphSparse      = 15<<3 | sub

	functionNode    = 7<<3 | sub
	functionOpset   = 9<<3 | sub
	functionDefault = 11<<3 | sub

	nodeOpType    = 4<<3 | sub
	nodeAttribute = 5<<3 | sub
	nodeDomain    = 7<<3 | sub

	attrTensor  = 5<<3 | sub
	attrGraph   = 6<<3 | sub
	attrTensors = 10<<3 | sub
	attrGraphs  = 11<<3 | sub
	attrSparse  = 22<<3 | sub
	attrSparses = 23<<3 | sub

	sparseValues  = 1<<3 | sub
	sparseIndices = 2<<3 | sub

	tensorDim        = 1<<3 | num
	tensorDims       = 1<<3 | sub // packed
	tensorDataType   = 2<<3 | num
	tensorStringData = 6<<3 | sub
	tensorName       = 8<<3 | sub
	tensorExternal   = 13<<3 | sub
	tensorLocation   = 14<<3 | num

	valueName = 1<<3 | sub
	valueType = 2<<3 | sub

	typeTensor   = 1<<3 | sub
	typeSequence = 4<<3 | sub
	typeMap      = 5<<3 | sub
	typeOpaque   = 7<<3 | sub
	typeSparse   = 8<<3 | sub
	typeOptional = 9<<3 | sub

	typeElem  = 1<<3 | num // of a tensor
	typeShape = 2<<3 | sub // of a tensor
	typeInner = 1<<3 | sub // of a sequence or an optional value
	typeKey   = 1<<3 | num // of a map
	typeValue = 2<<3 | sub // of a map

	shapeDim  = 1<<3 | sub
	dimValue  = 1<<3 | num
	dimSymbol = 2<<3 | sub
)
