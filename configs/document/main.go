// Document writes configs/standalone.toml from the settings; make generate runs it.
package main

import (
	"fmt"
	"os"

	"github.com/chronik-stream/chronik/configs"
)

func main() {
	if err := configs.Document(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
