package actors

// Where an int has 32 bits, protoactor-go seeks half of all actors at a negative index, and
// panics. So the provider does not build for a system of 32 bits.
const _ int = 1 << 32 // overflows there
