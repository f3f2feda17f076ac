package groups

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
)

func TestKafkasOwnRecordsAreInThePartitionsOfTheirGroups(t *testing.T) {
	f, err := os.Open("../../group/testdata/kafka-4.3.1.jsonl") // which says where Apache Kafka put them
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var record struct {
			Partition int32
			Key       string
		}
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatal(err)
		}
		key, err := hex.DecodeString(record.Key)
		if err != nil {
			t.Fatal(err)
		}
		groupID, _, err := decode(key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := coordinator.PartitionFor(groupID, 50); got != record.Partition {
			t.Errorf("PartitionFor(%q) = %d, Kafka put it on %d", groupID, got, record.Partition)
		}
	}
	if n == 0 {
		t.Error("no records")
	}
}
