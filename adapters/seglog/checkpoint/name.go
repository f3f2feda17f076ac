package checkpoint

import (
	"strconv"
	"strings"
)

// LogName is a log's name, in checkpoints and of its directory.
type LogName struct {
	Topic     string
	Partition int32
}

func (n LogName) String() string { return n.Topic + "-" + strconv.Itoa(int(n.Partition)) }

// ParseLogName reads <topic>-<partition>.
func ParseLogName(dir string) (LogName, bool) {
	i := strings.LastIndexByte(dir, '-')
	if i <= 0 {
		return LogName{}, false
	}
	p, err := strconv.ParseInt(dir[i+1:], 10, 32)
	if err != nil || p < 0 || strconv.FormatInt(p, 10) != dir[i+1:] {
		return LogName{}, false
	}
	return LogName{dir[:i], int32(p)}, true
}
