// Package modeltest holds the test that does random things to a provider on
// several connections, and compares each answer and each push with a plain model
// of maps. Stops, power cuts, passivation and checkpoints are among the things.
package modeltest
