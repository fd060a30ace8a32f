// Package infer holds the words of one call: which model is asked (Ref), which
// one answers (ID), the Request and the Response, and Handler, the joint at which
// everything that answers an inference meets.
//
// It starts no goroutine. A Request and a Response are used by one goroutine at a
// time; only their reference counts are safe to share.
package infer
