package differential

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestAMissingCoordinatorIsAnsweredAsByApacheKafka sends requests about a group to both brokers while the offsets topic
// does not exist. It cannot be created, because it is configured with more replicas than there are brokers. Clients
// must keep retrying.
func TestAMissingCoordinatorIsAnsweredAsByApacheKafka(t *testing.T) {
	const factor = "offsets.topic.replication.factor=3"
	chronik := harness.Start(t, "", "--set", "kafka."+factor)
	theirs, ours := newWorld(t, startApacheKafka(t, factor)), newWorld(t, chronik.Addr)
	const coordinatorNotAvailable = 15
	notAvailable := func(resp kmsg.Response) bool {
		r := resp.(*kmsg.FindCoordinatorResponse)
		if r.Version < 4 {
			return r.ErrorCode == coordinatorNotAvailable
		}
		return r.Coordinators[0].ErrorCode == coordinatorNotAvailable
	}
	unanswered := []step{
		on("join", 0, 9, join("g", "m")),
		on("sync", 0, 5, syncGroup("g", "m", nil)),
		on("heartbeat", 0, 4, heartbeat("g", "m")),
		on("leave", 0, 5, leave("g", member("m"))),
		on("commit", 2, 10, commit("g", "m")),
		on("fetch offsets", 1, 10, fetchOffsets(offsetsOf{group: "g"})),
		on("describe", 0, 6, describeGroups("g")),
		on("list", 0, 5, listGroups(nil, nil)),
		on("delete", 0, 2, deleteGroups("g")),
		on("delete offsets", 0, 0, deleteOffsets("g", "offsets", 0)),
	}
	review := newReview(reviewedDifferences)
	text := regexp.MustCompile(`.*\.ErrorMessage: .*`) // Chronik's has the reason
	for _, s := range slices.Concat(unanswered, []step{
		on("find the coordinator", 0, 6, findCoordinators(0, "g")).until(notAvailable),
		on("find the coordinators", 4, 6, findCoordinators(0, "g", "h")).until(notAvailable),
		on("describe the topic", 4, 13, metadataOf(true, "__consumer_offsets")),
	}, unanswered) {
		accepted := func(d string) bool {
			return review.accepts("coordinator/"+s.name, d) || strings.HasPrefix(s.name, "find") && text.MatchString(d)
		}
		for _, d := range s.differences(theirs, ours, accepted) {
			t.Errorf("%s %s", s.name, d)
		}
	}
}
