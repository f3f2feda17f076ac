package limitedlog

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinesAreBoundedPerPeriodAndTheRestIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(slog.New(slog.NewTextHandler(&out, nil)), 3)
		for range 5 {
			l.Warn(t.Context(), "bad input")
		}
		if n := strings.Count(out.String(), "bad input"); n != 3 {
			t.Errorf("%d lines, want 3", n)
		}
		time.Sleep(Period)
		l.Error(t.Context(), "worse input", "client", "c")
		if want := `level=ERROR msg="worse input" client=c lines_left_out=2`; !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in:\n%s", want, &out)
		}
		l.Info(t.Context(), "better input")
		if strings.Count(out.String(), "lines_left_out") != 1 {
			t.Errorf("lines are said to be left out twice:\n%s", &out)
		}
	})
}
