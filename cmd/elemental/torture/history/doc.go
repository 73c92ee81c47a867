// Package history holds the tests of linearizability: several clients at once
// post and read, join and leave, log in and out, while connections are cut,
// actors crash and the provider is killed. What each of them asked and heard,
// and when, has to be explained by one order of all that was done, each thing at
// one moment between its question and its answer.
package history
