package metadata

import (
	"maps"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// VersionFeature is the feature whose level decides what the nodes of a cluster may write into the metadata and send to
// each other. Until an operator raises the level, a new program writes only what older ones can read. It can be raised
// when every node runs a program that supports the new level, as with Kafka's metadata.version (KIP-584, KIP-778).
const VersionFeature = "chronik.version"

// LevelRange is the levels of a feature that a broker supports.
type LevelRange struct {
	Min int16 `cbor:"1,keyasint" json:"min"`
	Max int16 `cbor:"2,keyasint" json:"max"`
}

// SupportedFeatures returns what this program supports.
func SupportedFeatures() map[string]LevelRange {
	return map[string]LevelRange{VersionFeature: {Min: 1, Max: 1}}
}

// NewestFeatures returns the levels that a cluster begins with: the highest that this program supports.
func NewestFeatures() map[string]int16 {
	levels := make(map[string]int16)
	for name, supported := range SupportedFeatures() {
		levels[name] = supported.Max
	}
	return levels
}

// FeatureLevel returns a feature's level, 0 for one that was never set.
func (i *Image) FeatureLevel(name string) int16 { return i.features[name] }

// Features returns the levels of the features that were set. They must not be changed.
func (i *Image) Features() map[string]int16 { return i.features }

// FeaturesEpoch is the number of the last command that has set a feature's level, 0 for none.
func (i *Image) FeaturesEpoch() int64 { return int64(i.featuresEpoch) }

// checkFeatures refuses a broker that does not support the level of one of the cluster's features.
func checkFeatures(img *Image, cmd RegisterBroker) error {
	for name, level := range img.features {
		if s := cmd.Features[name]; level < s.Min || level > s.Max {
			return fault.New(fault.UnsupportedVersion, "Unable to register because "+
				"the broker does not support finalized version %d of %s. "+
				"The broker wants a version between %d and %d, inclusive.", level, name, s.Min, s.Max)
		}
	}
	return nil
}

// updateFeature raises a feature's level, with Kafka's messages.
func updateFeature(img *Image, cmd UpdateFeature) (*Image, Result, error) {
	if err := checkUpdate(img, cmd); err != nil {
		return nil, Result{}, err
	}
	next := *img
	if img.FeatureLevel(cmd.Name) != cmd.Level {
		next.features = maps.Clone(img.features)
		if next.features == nil {
			next.features = make(map[string]int16)
		}
		next.features[cmd.Name] = cmd.Level
		next.featuresEpoch = img.index + 1
	}
	return &next, Result{}, nil
}

func checkUpdate(img *Image, cmd UpdateFeature) error {
	invalid := func(format string, args ...any) error {
		reason := fault.New(fault.InvalidUpdateVersion, format, args...)
		return fault.New(fault.InvalidUpdateVersion, "Invalid update version %d for feature %s. %s", cmd.Level,
			cmd.Name, reason)
	}
	if cmd.Level < 0 {
		return invalid("A feature version cannot be less than 0.")
	}
	for b := range img.Brokers() {
		switch s, known := b.Features[cmd.Name]; {
		case !known:
			return invalid("Broker %d does not support this feature.", b.ID)
		case cmd.Level < s.Min || cmd.Level > s.Max:
			return invalid("Broker %d only supports versions %d-%d", b.ID, s.Min, s.Max)
		}
	}
	switch now := img.FeatureLevel(cmd.Name); {
	case cmd.Level < now && !cmd.Downgrade:
		return invalid("Can't downgrade the version of this feature without setting the upgrade type to either safe " +
			"or unsafe downgrade.")
	case cmd.Level < now:
		return invalid("What was written at version %d cannot be read at a lower one.", now)
	case cmd.Level > now && cmd.Downgrade:
		return invalid("Can't downgrade to a newer version.")
	}
	return nil
}
