package examples

func ExampleShown() {
	T{}.Called()
}

func helper() { Bare(); (&T{}).Forgotten() }
