module github.com/gofind-dev/gofind

go 1.26.8
