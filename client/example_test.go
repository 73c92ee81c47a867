package client_test

import (
	"context"
	"fmt"
	"time"

	"elemental/client"
)

// The examples talk to a provider at address, "localhost:5005" for instance.

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, address, client.Options{})
	check(err)
	defer c.Close()
	if err = c.Register(ctx, "gopher", "secret"); client.CodeOf(err) == client.UserExists {
		err = nil // from an earlier run
	}
	if err == nil {
		err = c.Login(ctx, "gopher", "secret")
	}
	if err == nil {
		err = c.CreateServer(ctx, "burrow", "password")
	}
	check(err)
	m, err := c.Post(ctx, "burrow", "general", "hello")
	check(err)
	fmt.Println(m.Author, "wrote", m.Text, "at place", m.Index)
	// Output: gopher wrote hello at place 0
}

// A subscription goes on over lost connections and restarts of the provider:
// it delivers each message once and in order.
func ExampleClient_Subscribe() {
	ctx := context.Background()
	c, leave := newcomer(ctx, "anna", "annas")
	defer leave()
	sub, err := c.Subscribe(ctx, "annas", "general")
	check(err)
	go func() {
		for _, text := range []string{"one", "two", "three"} {
			_, err := c.Post(ctx, "annas", "general", text)
			check(err)
		}
	}()
	for e := range sub.Events() {
		fmt.Println(e.Index, e.Author+":", e.Text)
		if e.Text == "three" {
			sub.Close()
		}
	}
	fmt.Println(sub.Err())
	// Output:
	// 0 anna: one
	// 1 anna: two
	// 2 anna: three
	// closed
}

// A refusal is an error with a code for programs and a reason for people.
func ExampleRefusal() {
	ctx := context.Background()
	c, leave := newcomer(ctx, "bert", "berts")
	defer leave()
	err := c.JoinServer(ctx, "berts", "wrong")
	fmt.Println(err)
	fmt.Println(client.CodeOf(err) == client.WrongServerPasswd)
	// Output:
	// joinserver: incorrect server password
	// true
}

// A post under a nonce of one's own is safe to repeat, also by another process
// after a crash.
func ExampleClient_PostOnce() {
	ctx := context.Background()
	c, leave := newcomer(ctx, "cleo", "cleos")
	defer leave()
	for range 3 {
		m, err := c.PostOnce(ctx, "cleos", "general", "the build is green", "build-1234")
		check(err)
		fmt.Println("at", m.Index)
	}
	// Output:
	// at 0
	// at 0
	// at 0
}

// Latest reads the history backwards, page by page.
func ExampleCalls_Latest() {
	ctx := context.Background()
	c, leave := newcomer(ctx, "dora", "doras")
	defer leave()
	for i := range 5 {
		_, err := c.Post(ctx, "doras", "general", fmt.Sprint("message ", i))
		check(err)
	}
	before := int64(-1) // the end
	for {
		page, err := c.Latest(ctx, "doras", "general", 2, before)
		check(err)
		if len(page.Messages) == 0 {
			break
		}
		before = page.Messages[0].Index
		fmt.Println(before, "of", page.Total, page.Messages[0].Text)
	}
	// Output:
	// 3 of 5 message 3
	// 1 of 5 message 1
	// 0 of 5 message 0
}

// A Conn is one connection, for those who want to see it end.
func ExampleConnect() {
	ctx := context.Background()
	_, leave := newcomer(ctx, "emil", "emils")
	defer leave()
	heard := make(chan client.Event, 1)
	listener, err := client.Connect(ctx, address, client.Options{}, func(e client.Event) { heard <- e })
	check(err)
	defer listener.Close()
	_, err = listener.Login(ctx, "emil", "secret")
	check(err)
	_, err = listener.Subscribe(ctx, "emils", "general")
	check(err)
	poster, err := client.Connect(ctx, address, client.Options{}, nil)
	check(err)
	defer poster.Close()
	_, err = poster.Login(ctx, "emil", "secret")
	check(err)
	_, err = poster.Post(ctx, "emils", "general", "hello")
	check(err)
	fmt.Println((<-heard).Text)
	// Output: hello
}

// check ends an example at an error.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// newcomer registers a user, logs in and makes a server.
func newcomer(ctx context.Context, user, server string) (c *client.Client, leave func()) {
	c, err := client.Dial(ctx, address, client.Options{})
	check(err)
	for _, step := range []func() error{
		func() error { return c.Register(ctx, user, "secret") },
		func() error { return c.Login(ctx, user, "secret") },
		func() error { return c.CreateServer(ctx, server, "password") },
	} {
		check(step())
	}
	return c, func() { _ = c.DeleteServer(ctx, server, "password"); c.Close() }
}
