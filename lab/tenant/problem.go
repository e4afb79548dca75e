package tenant

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// problem is an answer that is not a success: Graph's error body and the headers that come with it.
type problem struct {
	status  int
	code    string
	message string
	header  http.Header
}

// The codes of Graph's error bodies.
const (
	codeBadRequest       = "BadRequest" // the OData parser's own
	codeRequestBad       = "Request_BadRequest"
	codeUnsupportedQuery = "Request_UnsupportedQuery"
	codeDenied           = "Authorization_RequestDenied"
	codeNotFound         = "Request_ResourceNotFound"
	codeToken            = "InvalidAuthenticationToken"
	codePageToken        = "Directory_ExpiredPageToken"
	codeTooMany          = "TooManyRequests"
)

func badRequest(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: codeBadRequest, message: fmt.Sprintf(format, args...)}
}

func refused(code, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) *problem {
	return refused(codeUnsupportedQuery, format, args...)
}

func denied() *problem {
	return &problem{status: http.StatusForbidden, code: codeDenied, message: "Insufficient privileges to complete the operation."}
}

func notFound(id string) *problem {
	return &problem{status: http.StatusNotFound, code: codeNotFound, message: fmt.Sprintf(
		"Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)}
}

func noSegment(segment string) *problem {
	return badRequest("Resource not found for the segment '%s'.", segment)
}

func notAllowed() *problem {
	return &problem{status: http.StatusMethodNotAllowed, code: codeRequestBad, message: "Specified HTTP method is not allowed for the request target."}
}

// faultProblem is what Graph says when it fails by itself, with the Retry-After that was asked for.
func faultProblem(status int, retryAfter time.Duration) *problem {
	p := &problem{status: status, code: "UnknownError", message: http.StatusText(status), header: http.Header{}}
	switch status {
	case http.StatusTooManyRequests:
		p.code, p.message = codeTooMany, "Too many requests."
	case http.StatusServiceUnavailable:
		p.code, p.message = "ServiceUnavailable", "The service is unavailable."
	case http.StatusGatewayTimeout:
		p.code, p.message = "GatewayTimeout", "The service did not answer in time."
	case http.StatusInternalServerError:
		p.code, p.message = "InternalServerError", "Internal server error."
	}
	if retryAfter > 0 {
		p.header.Set("Retry-After", seconds(retryAfter))
	}
	return p
}

// seconds prints whole seconds as such, others with their fraction.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// body is Graph's error document.
func (p *problem) body(at time.Time, requestID string) map[string]any {
	return map[string]any{"error": map[string]any{
		"code":    p.code,
		"message": p.message,
		"innerError": map[string]any{
			"date":              at.UTC().Format("2006-01-02T15:04:05"),
			"request-id":        requestID,
			"client-request-id": requestID,
		},
	}}
}
