package chroniktest

import (
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// failed returns the response to req in which everything has failed with err. Fields with the same meaning have the
// same names in requests and responses. So the response's topics, partitions, groups and other elements are copied from
// the request by name.
func failed(req kmsg.Request, err *kerr.Error) kmsg.Response {
	resp := req.ResponseKind()
	to := reflect.ValueOf(resp).Elem()
	mirror(to, reflect.ValueOf(req).Elem())
	fail(to, err.Code)
	return resp
}

// failedMetadata returns the response to req in which the topics have failed with err. It has the brokers of cluster,
// because the client would have no broker left otherwise, and cluster's topics when req asks for all.
func failedMetadata(req *kmsg.MetadataRequest, cluster *kmsg.MetadataResponse, err *kerr.Error) kmsg.Response {
	resp := failed(req, err).(*kmsg.MetadataResponse)
	resp.Brokers, resp.ClusterID, resp.ControllerID = cluster.Brokers, cluster.ClusterID, cluster.ControllerID
	if req.Topics == nil || len(req.Topics) == 0 && req.Version == 0 {
		resp.Topics, resp.ErrorCode = cluster.Topics, 0
		fail(reflect.ValueOf(resp).Elem(), err.Code)
	}
	return resp
}

// isSessionError reports whether err is about a fetch session as a whole, and never about a partition.
func isSessionError(err *kerr.Error) bool {
	return err == kerr.FetchSessionIDNotFound || err == kerr.InvalidFetchSessionEpoch ||
		err == kerr.FetchSessionTopicIDError
}

// failedSession returns the response to req after which its client begins another fetch session.
func failedSession(req *kmsg.FetchRequest, err *kerr.Error) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	resp.ErrorCode = err.Code
	return resp
}

// errorCode is the field for an error in a response or in a part of one.
const errorCode = "ErrorCode"

// otherNames are the lists whose names differ between request and response.
var otherNames = map[string][]string{ //nolint:gochecknoglobals // a table
	"Coordinators":      {"CoordinatorKeys"},
	"Groups":            {"GroupIDs"},
	"Results":           {"Creations", "Filters", "FeatureUpdates", "Deletions", "Upsertions"},
	"Topics":            {"TopicNames"},
	"TransactionStates": {"TransactionalIDs"},
}

// mirror fills the lists of a response, or of a part of one, with the elements of the request's lists. Lists without
// room for an error stay empty.
func mirror(to, from reflect.Value) {
	for i := range to.NumField() {
		list := to.Field(i)
		if !isList(list.Type()) || !tellsErrors(list.Type().Elem()) {
			continue
		}
		for _, name := range append([]string{to.Type().Field(i).Name}, otherNames[to.Type().Field(i).Name]...) {
			asked := from.FieldByName(name)
			if !asked.IsValid() || asked.Kind() != reflect.Slice {
				continue
			}
			for n := range asked.Len() {
				list.Set(reflect.Append(list, named(list.Type().Elem(), asked.Index(n))))
			}
		}
	}
}

// named returns the part of a response for an element of the request: a struct, or just a name or number.
func named(part reflect.Type, asked reflect.Value) reflect.Value {
	to := reflect.New(part)
	to.MethodByName("Default").Call(nil)
	to = to.Elem()
	if asked.Kind() != reflect.Struct {
		name(to, asked)
		return to
	}
	for i := range part.NumField() {
		same := asked.FieldByName(part.Field(i).Name)
		if same.IsValid() && same.Type() == part.Field(i).Type && part.Field(i).Type.Kind() != reflect.Slice &&
			same.CanInterface() {
			to.Field(i).Set(same)
		}
	}
	mirror(to, asked)
	return to
}

// name puts a name or number into the first field for one.
func name(to, asked reflect.Value) {
	for _, field := range to.Fields() {
		if field.Type() == asked.Type() {
			field.Set(asked)
			return
		}
	}
	for _, field := range to.Fields() {
		if field.Type() == reflect.PointerTo(asked.Type()) {
			field.Set(reflect.New(asked.Type()))
			field.Elem().Set(asked)
			return
		}
	}
}

// fail sets the code where Kafka reports errors: in the innermost parts of the response, such as partitions, or in the
// response itself if it has no parts. It reports whether there was a place for it.
func fail(v reflect.Value, code int16) (told bool) {
	for _, list := range v.Fields() {
		if isList(list.Type()) {
			for n := range list.Len() {
				told = fail(list.Index(n), code) || told
			}
		}
	}
	if own := v.FieldByName(errorCode); own.IsValid() && !told {
		own.SetInt(int64(code))
		told = true
	}
	return told
}

func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// tellsErrors reports whether a part of a response, or one of its own parts, has a place for an error.
func tellsErrors(part reflect.Type) bool {
	return slices.ContainsFunc(reflect.VisibleFields(part), func(f reflect.StructField) bool {
		return f.Name == errorCode || isList(f.Type) && tellsErrors(f.Type.Elem())
	})
}
