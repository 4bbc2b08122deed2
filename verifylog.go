package gofind

import (
	"context"
	"errors"
)

// VerifyLog compares a log of strace.
func VerifyLog(ctx context.Context, path string, argv []string, opts VerifyOptions) (*Verification, error) {
	return nil, errors.New("soon")
}
