//go:build raft

package main

const builtWithRaft = true
