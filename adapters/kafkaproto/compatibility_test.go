package kafkaproto

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the files that are made from the code")

const compatibilityFile = "../../docs/compatibility.md"

const compatibilityHead = `# Compatibility

Which APIs of the Kafka protocol Chronik serves, and in which versions, beside those that Apache Kafka announces. An API is
announced only when it is whole. This file is made from the code by ` + "`make generate`" + `; a test holds it current.

`

func TestTheCompatibilityTableIsThatOfTheCode(t *testing.T) {
	kafka, err := os.ReadFile("testdata/kafka-4.3.1-api-versions.txt")
	if err != nil {
		t.Fatal(err)
	}
	table, err := Compatibility(string(kafka))
	if err != nil {
		t.Fatal(err)
	}
	want := compatibilityHead + table
	if *update {
		if err := os.WriteFile(compatibilityFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(compatibilityFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says: run make generate", compatibilityFile)
	}
}
