// Package engine runs one life of a node: from a Start to the Stop that follows it.
//
// A [Driver] gives the machine of package overlay a network and a clock. It accepts and
// dials connections, greets the other end with package handshake, reads frames and hands
// them to the machine, and writes what the machine wants to send. It does not know the
// public package smoke. What it reports goes to a [Host], and what it needs is in a
// [Config].
package engine
