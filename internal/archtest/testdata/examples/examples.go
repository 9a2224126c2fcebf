package examples

type T struct{}

func Shown() {}

func Bare() {}

func (T) Called() {}

func (T) Elsewhere() {}

func (*T) Forgotten() {}

func (T) String() string { return "" }

// Generic has methods of the same names.
type Generic[E any] struct{ E E }

func (Generic[E]) Called() {}

func (Generic[E]) Forgotten() {}

type Doer interface {
	Do()
	Undo()
}

// Other is no main type. Its methods show nothing.
type Other struct{}

func (Other) Forgotten() {}

func (Other) Undo() {}
