package kafkaproto

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// TestVersionsAreThoseOfApacheKafka holds the table against what Kafka 4.3.1 announces.
func TestVersionsAreThoseOfApacheKafka(t *testing.T) {
	f, err := os.Open("testdata/kafka-4.3.1-api-versions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kafka := make(map[int16]string)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var key int16
		var rest [3]string
		if _, err := fmt.Sscan(lines.Text(), &key, &rest[0], &rest[1], &rest[2]); err != nil {
			t.Fatal(err)
		}
		kafka[key] = strings.Join(rest[:], " ")
	}
	for _, a := range indexAPIs(apiTable()) {
		if a == nil || a.internal {
			continue
		}
		if got := fmt.Sprintf("%s %d %d", a.name, a.min, a.max); !strings.EqualFold(got, kafka[a.key]) {
			t.Errorf("API %d is %s, Kafka's is %s", a.key, got, kafka[a.key])
		}
	}
}

func TestEveryAPIAnswersInEveryVersionWithWhatKmsgReads(t *testing.T) {
	f := newFakes(t)
	f.controller, f.voters = new(fakeController), new(fakeVoters)
	s := start(t, f)
	c := s.dial(t)
	r := rand.New(rand.NewPCG(5, 6))
	for _, a := range s.apis {
		if a == nil {
			continue
		}
		for version := a.min; version <= a.max; version++ {
			for range 20 {
				req := kmsg.RequestForKey(a.key)
				fill(r, req)
				if p, ok := req.(*kmsg.ProduceRequest); ok {
					p.Acks = 1
				}
				req.SetVersion(version)
				_ = ask[kmsg.Response](c, req)
			}
		}
	}
	if n := s.log.count("ERROR"); n > 0 {
		t.Errorf("%d error lines: %q", n, s.log.lines)
	}
}

func TestUpdateFeaturesMakesAllUpdatesOrNone(t *testing.T) {
	f := newFakes(t)
	f.apply(t, metadata.RegisterBroker{
		ID:       1,
		Features: map[string]metadata.LevelRange{metadata.VersionFeature: {Min: 1, Max: 3}, "other": {Min: 0, Max: 1}},
	})
	c := start(t, f).dial(t)
	for _, step := range []struct {
		version, code int16
		validate      bool
		other         int16
		upgrade       int8
		level         int16 // of chronik.version afterwards
	}{
		{1, 0, true, 1, 1, 0},
		{2, kerr.InvalidUpdateVersion.Code, false, 2, 1, 0},
		{2, kerr.InvalidUpdateVersion.Code, false, 1, 4, 0},
		{0, 0, false, 1, 0, 3},
		{2, 0, false, 1, 1, 3},
	} {
		req := kmsg.NewPtrUpdateFeaturesRequest()
		req.SetVersion(step.version)
		req.ValidateOnly = step.validate
		req.FeatureUpdates = []kmsg.UpdateFeaturesRequestFeatureUpdate{
			{Feature: metadata.VersionFeature, MaxVersionLevel: 3, UpgradeType: 1},
			{Feature: "other", MaxVersionLevel: step.other, UpgradeType: step.upgrade},
		}
		resp := ask[*kmsg.UpdateFeaturesResponse](c, req)
		if resp.ErrorCode != step.code || (resp.ErrorMessage != nil) != (step.code != 0) {
			t.Errorf("%+v: answered %+v", step, resp)
		}
		if got := f.image.Load().FeatureLevel(metadata.VersionFeature); got != step.level {
			t.Errorf("%+v: the level is %d", step, got)
		}
		if results := len(resp.Results); step.version < 2 && step.code == 0 && results != 2 {
			t.Errorf("%+v: %d results", step, results)
		}
	}
}

func TestApiVersionsNamesEveryAPIAndChroniksVersionAlone(t *testing.T) {
	f := newFakes(t)
	s := start(t, f)
	f.apply(t, metadata.RegisterBroker{ID: 1, Features: metadata.SupportedFeatures()})
	f.apply(t, metadata.UpdateFeature{Name: metadata.VersionFeature, Level: 1})
	for version := range int16(5) {
		req := kmsg.NewPtrApiVersionsRequest()
		req.SetVersion(version)
		req.ClientSoftwareName, req.ClientSoftwareVersion = "kgo", "1.2.3"
		resp := ask[*kmsg.ApiVersionsResponse](s.dial(t), req)
		if resp.ErrorCode != 0 || len(resp.ApiKeys) != len(s.versions.keys) {
			t.Errorf("version %d: %+v", version, resp)
		}
		supported := []kmsg.ApiVersionsResponseSupportedFeature{{Name: "chronik.version", MinVersion: 1, MaxVersion: 1}}
		finalized := []kmsg.ApiVersionsResponseFinalizedFeature{
			{Name: "chronik.version", MinVersionLevel: 1, MaxVersionLevel: 1},
		}
		tags := cmpopts.IgnoreUnexported(kmsg.Tags{})
		if version >= 3 && (!cmp.Equal(resp.SupportedFeatures, supported, tags) ||
			!cmp.Equal(resp.FinalizedFeatures, finalized, tags) ||
			resp.FinalizedFeaturesEpoch != f.image.Load().FeaturesEpoch()) {
			t.Errorf("version %d: features %+v, %+v, epoch %d", version, resp.SupportedFeatures, resp.FinalizedFeatures,
				resp.FinalizedFeaturesEpoch)
		}
		produce := resp.ApiKeys[0]
		if produce.ApiKey != 0 || produce.MinVersion != 0 || produce.MaxVersion != 13 {
			t.Errorf("Produce is announced as %+v", produce)
		}
	}
}

func TestApiVersionsInAnUnknownVersionIsAnsweredInVersion0(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	c.write([]byte{0, 0, 0, 14, 0, 18, 0, 99, 0, 0, 0, 7, 0, 1, 'x', 0, 1, 1})
	want := []byte{0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4} // as Apache Kafka answers
	if got := c.receiveRaw(); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	req := kmsg.NewPtrApiVersionsRequest()
	if resp := ask[*kmsg.ApiVersionsResponse](c, req); resp.ErrorCode != 0 {
		t.Errorf("the next request is answered with error %d", resp.ErrorCode)
	}
}

func TestApiVersionsRefusesSoftwareNamesThatKafkaRefuses(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	for name, want := range map[string]int16{
		"kgo": 0, "librdkafka-1.2": 0, "a": 0, "": kerr.InvalidRequest.Code, "!": kerr.InvalidRequest.Code,
		"-a": kerr.InvalidRequest.Code, "a-": kerr.InvalidRequest.Code, "a b": kerr.InvalidRequest.Code,
	} {
		req := kmsg.NewPtrApiVersionsRequest()
		req.SetVersion(3)
		req.ClientSoftwareName, req.ClientSoftwareVersion = name, "1"
		if resp := ask[*kmsg.ApiVersionsResponse](c, req); resp.ErrorCode != want || want != 0 && len(resp.ApiKeys) != 0 {
			t.Errorf("name %q: error %d with %d APIs, want %d", name, resp.ErrorCode, len(resp.ApiKeys), want)
		}
	}
}
