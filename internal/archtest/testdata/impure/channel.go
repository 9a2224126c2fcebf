package impure

type box struct {
	in <-chan int // want "has a channel"
}

func channels(b box, out chan int) int { // want "has a channel"
	out <- 1         // want "sends on a channel"
	for range b.in { // want "receives from a channel"
		select { // want "selects among channels"
		default:
		}
	}
	return <-b.in // want "receives from a channel"
}
