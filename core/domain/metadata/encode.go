package metadata

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// ErrCorrupt is in the chain of every error about stored metadata that is damaged.
var ErrCorrupt = errors.New("corrupt metadata")

// kind is the number of a kind of command. Numbers are never changed or reused: stored commands must stay readable.
type kind uint64

const (
	kindInitCluster         kind = 1
	kindRegisterBroker      kind = 2
	kindCreateTopic         kind = 3
	kindDeleteTopic         kind = 4
	kindCreatePartitions    kind = 5
	kindAlterConfigs        kind = 6
	kindAllocateProducerIDs kind = 7
	kindFenceBroker         kind = 8
	kindUnfenceBroker       kind = 9
	kindShutDownBroker      kind = 10
	kindUnregisterBroker    kind = 11
	kindAlterPartition      kind = 12
	kindElectLeader         kind = 13
	kindAlterReassignment   kind = 14
	kindUpdateFeature       kind = 15
)

// envelope is an encoded command. Version belongs to the kind; it is raised when the body's fields change.
type envelope struct {
	Version uint64          `cbor:"1,keyasint"`
	Kind    kind            `cbor:"2,keyasint"`
	Body    cbor.RawMessage `cbor:"3,keyasint"`
}

// commandVersion is the version of all kinds so far.
const commandVersion = 1

// decoders reads the bodies, by kind.
var decoders = map[kind]func([]byte) (Command, error){
	kindInitCluster:         body[InitCluster],
	kindRegisterBroker:      body[RegisterBroker],
	kindCreateTopic:         body[CreateTopic],
	kindDeleteTopic:         body[DeleteTopic],
	kindCreatePartitions:    body[CreatePartitions],
	kindAlterConfigs:        body[AlterConfigs],
	kindAllocateProducerIDs: body[AllocateProducerIDs],
	kindFenceBroker:         body[FenceBroker],
	kindUnfenceBroker:       body[UnfenceBroker],
	kindShutDownBroker:      body[ShutDownBroker],
	kindUnregisterBroker:    body[UnregisterBroker],
	kindAlterPartition:      body[AlterPartition],
	kindElectLeader:         body[ElectLeader],
	kindAlterReassignment:   body[AlterReassignment],
	kindUpdateFeature:       body[UpdateFeature],
}

func kindOf(cmd Command) (kind, bool) {
	switch cmd.(type) {
	case InitCluster:
		return kindInitCluster, true
	case RegisterBroker:
		return kindRegisterBroker, true
	case CreateTopic:
		return kindCreateTopic, true
	case DeleteTopic:
		return kindDeleteTopic, true
	case CreatePartitions:
		return kindCreatePartitions, true
	case AlterConfigs:
		return kindAlterConfigs, true
	case AllocateProducerIDs:
		return kindAllocateProducerIDs, true
	case FenceBroker:
		return kindFenceBroker, true
	case UnfenceBroker:
		return kindUnfenceBroker, true
	case ShutDownBroker:
		return kindShutDownBroker, true
	case UnregisterBroker:
		return kindUnregisterBroker, true
	case AlterPartition:
		return kindAlterPartition, true
	case ElectLeader:
		return kindElectLeader, true
	case AlterReassignment:
		return kindAlterReassignment, true
	case UpdateFeature:
		return kindUpdateFeature, true
	}
	return 0, false
}

// EncodeCommand returns cmd in CBOR, with its kind and version. Equal commands have equal encodings.
func EncodeCommand(cmd Command) ([]byte, error) {
	k, ok := kindOf(cmd)
	if !ok {
		return nil, fault.New(fault.UnsupportedVersion, "unknown metadata command %T", cmd)
	}
	body, err := encoding.Marshal(cmd)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", cmd, err)
	}
	return encoding.Marshal(envelope{Version: commandVersion, Kind: k, Body: body})
}

// DecodeCommand reads the output of EncodeCommand. The error is fault.UnsupportedVersion for an unknown kind or
// version, which a newer program has written and which cannot be skipped without losing metadata. Otherwise it is
// ErrCorrupt.
func DecodeCommand(in []byte) (Command, error) {
	var e envelope
	if err := decoding.Unmarshal(in, &e); err != nil {
		return nil, fmt.Errorf("%w: command: %w", ErrCorrupt, err)
	}
	decode, ok := decoders[e.Kind]
	if !ok {
		return nil,
			fault.New(fault.UnsupportedVersion, "metadata command of unknown kind %d: a newer version wrote it", e.Kind)
	}
	if e.Version != commandVersion {
		return nil, fault.New(fault.UnsupportedVersion, "metadata command of kind %d in version %d, known is %d",
			e.Kind, e.Version, commandVersion)
	}
	return decode(e.Body)
}

func body[C Command](in []byte) (Command, error) {
	var cmd C
	if err := decoding.Unmarshal(in, &cmd); err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrCorrupt, reflect.TypeFor[C](), err)
	}
	return cmd, nil
}

// maxElements bounds the lists and maps that are decoded, such as a topic's partitions.
const maxElements = 1 << 20

var encoding = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // constant options
	}
	return mode
}()

// decoding accepts the output of encoding and nothing else.
var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   8,
		MaxArrayElements:  maxElements,
		MaxMapPairs:       maxElements,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return mode
}()
