package impure

func start(f func()) {
	go f() // want "starts a goroutine"
}
