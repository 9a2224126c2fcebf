package examples

type T struct{}

func Shown() {}

func Bare() {}

func (T) Called() {}

func (*T) Forgotten() {}

func (T) String() string { return "" }

type other struct{}

func (other) Unseen() {}
