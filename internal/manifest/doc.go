// Package manifest checks the files of a model version against the sums that came
// along with them: a file SHA256SUMS in the version's folder, as sha256sum writes it.
//
// A version without a manifest is fine. With one, every file of the version has to be
// listed, so that what is missing, extra, cut short or changed on its way is found
// before it serves.
//
// The manifest and the folder are taken for hostile: nothing outside the folder is
// opened, and what is read at once is bounded. The package starts no goroutine; Check
// may be called from anywhere, and does as much work as the files are large.
package manifest
