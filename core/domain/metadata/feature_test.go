package metadata

import (
	"errors"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

func supports(minimum, maximum int16) map[string]LevelRange {
	return map[string]LevelRange{VersionFeature: {minimum, maximum}}
}

func TestAFeatureIsRaisedOnceEveryBrokerSupportsIt(t *testing.T) {
	begun := []Command{
		InitCluster{ClusterID: "cluster", Features: map[string]int16{VersionFeature: 2}},
		RegisterBroker{ID: 1, Features: supports(1, 3)},
		RegisterBroker{ID: 2, Features: supports(2, 4), Fenced: true},
	}
	for _, c := range []struct {
		name    string
		cmd     Command
		kind    fault.Kind // 0: allowed
		message string
		level   int16
	}{
		{"to what all support", UpdateFeature{Name: VersionFeature, Level: 3}, 0, "", 3},
		{"to what it is", UpdateFeature{Name: VersionFeature, Level: 2}, 0, "", 2},
		{
			"to more than one broker supports",
			UpdateFeature{Name: VersionFeature, Level: 4},
			fault.InvalidUpdateVersion, "Broker 1 only supports versions 1-3", 2,
		},
		{
			"down",
			UpdateFeature{Name: VersionFeature, Level: 1},
			fault.InvalidUpdateVersion,
			"Broker 2 only supports versions 2-4", 2,
		},
		{
			"below nothing",
			UpdateFeature{Name: VersionFeature, Level: -1},
			fault.InvalidUpdateVersion,
			"cannot be less than 0", 2,
		},
		{
			"up by a downgrade",
			UpdateFeature{Name: VersionFeature, Level: 3, Downgrade: true},
			fault.InvalidUpdateVersion, "Can't downgrade to a newer version", 2,
		},
		{
			"one that no broker knows",
			UpdateFeature{Name: "group.version", Level: 1},
			fault.InvalidUpdateVersion,
			"for feature group.version. Broker 1 does not support this feature.", 2,
		},
		{
			"a broker of an older program",
			RegisterBroker{ID: 3, Features: supports(1, 1)},
			fault.UnsupportedVersion,
			"wants a version between 1 and 1", 2,
		},
		{
			"a broker of a much newer program",
			RegisterBroker{ID: 3, Features: supports(3, 5)},
			fault.UnsupportedVersion, "finalized version 2 of chronik.version", 2,
		},
		{"a broker that says nothing", RegisterBroker{ID: 3}, fault.UnsupportedVersion, "between 0 and 0", 2},
		{
			"a broker that comes back with an older program",
			RegisterBroker{ID: 1, Incarnation: [16]byte{2}, Features: supports(1, 1)},
			fault.UnsupportedVersion, "", 2,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := cluster(t, 0, begun...)
			next, _, err := Apply(img, c.cmd)
			if c.kind == 0 && err != nil || c.kind != 0 && (!errors.Is(err, c.kind) ||
				!strings.Contains(err.Error(), c.message)) {
				t.Fatalf("Apply(%+v) = %v", c.cmd, err)
			}
			if got := next.FeatureLevel(VersionFeature); got != c.level {
				t.Errorf("the level is %d, want %d", got, c.level)
			}
			epoch := int64(1)
			if c.level != 2 {
				epoch = int64(next.Index())
			}
			if next.FeaturesEpoch() != epoch {
				t.Errorf("the epoch is %d, want %d", next.FeaturesEpoch(), epoch)
			}
		})
	}
}

func TestAFeatureIsNotLowered(t *testing.T) {
	img := cluster(t, 0, RegisterBroker{ID: 1, Features: supports(1, 3)}, UpdateFeature{Name: VersionFeature, Level: 3})
	for downgrade, want := range map[bool]string{
		false: "without setting the upgrade type",
		true:  "cannot be read at a lower one",
	} {
		_, _, err := Apply(img, UpdateFeature{Name: VersionFeature, Level: 2, Downgrade: downgrade})
		if !errors.Is(err, fault.InvalidUpdateVersion) || !strings.Contains(err.Error(), want) {
			t.Errorf("downgrade %v: %v", downgrade, err)
		}
	}
}

func TestAClusterBeginsWithWhatTheProgramSupports(t *testing.T) {
	img := cluster(t, 0, InitCluster{ClusterID: "cluster", Features: NewestFeatures()},
		RegisterBroker{ID: 1, Features: SupportedFeatures()})
	again := cluster(t, 0, InitCluster{ClusterID: "cluster", Features: map[string]int16{VersionFeature: 1}},
		InitCluster{ClusterID: "other", Features: map[string]int16{VersionFeature: 7}})
	if img.FeatureLevel(VersionFeature) != SupportedFeatures()[VersionFeature].Max ||
		again.FeatureLevel(VersionFeature) != 1 {
		t.Errorf("levels %v, %v", img.Features(), again.Features())
	}
}
