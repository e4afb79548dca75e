package graph

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"github.com/microsoft/kiota-abstractions-go/serialization"
	msgraphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// BenchmarkBatch reads 300 users in one HTTP call, through the SDK's batch and models and through ours: the figures of
// the package comment.
func BenchmarkBatch(b *testing.B) {
	s := newStub(b)
	fifteen := make([]map[string]any, maxIn)
	for i := range fifteen {
		fifteen[i] = user(i)
	}
	s.items = func(*url.URL) reply { return found(fifteen...) }
	b.Run("sdk", func(b *testing.B) {
		c := s.client(b)
		b.ReportAllocs()
		for b.Loop() {
			if n := sdkBatch(b, c); n != 300 {
				b.Fatalf("%d users", n)
			}
		}
	})
	b.Run("ours", func(b *testing.B) {
		c := s.client(b)
		b.ReportAllocs()
		for b.Loop() {
			if n := ourBatch(b, c); n != 300 {
				b.Fatalf("%d users", n)
			}
		}
	})
}

func ourBatch(b *testing.B, c *Client) (n int) {
	questions := make([]*question, maxBatch)
	for i := range questions {
		questions[i] = c.question(usersOf(), query{filter: fmt.Sprintf("id eq '%d'", i), fields: shown("user")})
	}
	c.ask(b.Context(), questions)
	for _, q := range questions {
		if q.err != nil {
			b.Fatal(q.err)
		}
		n += len(q.found)
	}
	return n
}

func sdkBatch(b *testing.B, c *Client) (n int) {
	batch := msgraphcore.NewBatchRequest(c.adapter)
	ids := make([]string, maxBatch)
	for i := range ids {
		filter := fmt.Sprintf("id eq '%d'", i)
		info, err := users.NewUsersRequestBuilderInternal(c.base(), c.adapter).ToGetRequestInformation(context.Background(),
			&users.UsersRequestBuilderGetRequestConfiguration{QueryParameters: &users.UsersRequestBuilderGetQueryParameters{Filter: &filter, Select: shown("user")}})
		if err != nil {
			b.Fatal(err)
		}
		step, err := batch.AddBatchRequestStep(*info)
		if err != nil {
			b.Fatal(err)
		}
		ids[i] = *step.GetId()
	}
	answer, err := batch.Send(b.Context(), c.adapter)
	if err != nil {
		b.Fatal(err)
	}
	for _, id := range ids {
		var create serialization.ParsableFactory = models.CreateUserCollectionResponseFromDiscriminatorValue
		page, err := msgraphcore.GetBatchResponseById[models.UserCollectionResponseable](answer, id, create)
		if err != nil {
			b.Fatal(err)
		}
		n += len(page.GetValue())
	}
	return n
}
