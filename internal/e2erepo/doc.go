// Command e2erepo writes the model repository that `make e2e` serves to real clients:
// an identity for every data type, Triton's "simple", strings, a classifier with labels,
// inputs of any length, two versions of one model, a slow one, and a broken one. Its
// only argument is the folder.
//
// scripts/e2e/models.py says the same of the models to the tests there.
package main
