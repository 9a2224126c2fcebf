package examples_test

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/archtest/testdata/examples"
)

func ExampleShown() {
	examples.Shown()
	(&examples.T{}).Elsewhere() // an example of something else
	// Output:
}

func ExampleT_Called() {
	examples.T{}.Called()
	examples.Other{}.Forgotten()
	fmt.Println(examples.T{})
	// Output: called
}

func ExampleGeneric() {
	examples.Generic[int]{}.Called()
	examples.Other{}.Forgotten()
	// Output:
}

func ExampleDoer() {
	var d examples.Doer
	if d != nil {
		d.Do()
	}
	examples.Other{}.Undo()
}

func helper() { examples.Bare(); (&examples.T{}).Forgotten() }
