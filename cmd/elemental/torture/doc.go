// Package torture holds the tests that harm the real program from outside, and
// judge it by what its clients see: kills, full and failing disks, floods,
// stalled readers, stops under load. docs/reliability.md says which promise
// each of them holds up.
//
// The short forms run always. ELEMENTAL_LONG=1 runs the long ones, whose
// figures are printed with -v.
package torture
