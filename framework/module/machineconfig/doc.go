// Package machineconfig enables SCTP as OKD's documents tell: by a MachineConfig, which the
// Machine Config Operator rolls out with a drain and a reboot of every node of a pool, and
// takes it away again.
//
// It knows the operator's objects and how to tell from them how far a roll-out is. It creates
// MachineConfigs of its own, and deletes no others; it changes no pool and no policy. What
// it has to know in order to restore stands in an annotation of the MachineConfig itself, so
// that another run can finish what a killed one began.
package machineconfig
