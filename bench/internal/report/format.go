package report

import (
	"fmt"
	"math"
	"strings"
)

// number formats a number with three significant digits, and a letter for thousands.
func number(x float64) string {
	switch a := math.Abs(x); {
	case a >= 99.95e6:
		return fmt.Sprintf("%.0f M", x/1e6)
	case a >= 9.995e6:
		return fmt.Sprintf("%.1f M", x/1e6)
	case a >= 0.9995e6:
		return fmt.Sprintf("%.2f M", x/1e6)
	case a >= 99.95e3:
		return fmt.Sprintf("%.0f k", x/1e3)
	case a >= 9.995e3:
		return fmt.Sprintf("%.1f k", x/1e3)
	case a >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case a >= 9.995:
		return fmt.Sprintf("%.1f", x)
	case a >= 0.9995:
		return fmt.Sprintf("%.2f", x)
	case a == 0:
		return "0"
	}
	return fmt.Sprintf("%.3f", x)
}

// count formats a whole number, with all digits unless it is large.
func count(x float64) string {
	if math.Abs(x) < 10_000 {
		return fmt.Sprintf("%.0f", x)
	}
	return number(x)
}

// seconds formats a time in a suitable unit.
func seconds(x float64) string {
	if x < 0.9995 {
		return number(x*1e3) + " ms"
	}
	return number(x) + " s"
}

// size formats bytes in a suitable unit.
func size(x float64) string {
	switch {
	case math.Abs(x) >= 999.5e6:
		return fmt.Sprintf("%.2f GB", x/1e9)
	case math.Abs(x) >= 999.5e3:
		return fmt.Sprintf("%.3g MB", x/1e6)
	case math.Abs(x) >= 999.5:
		return fmt.Sprintf("%.3g kB", x/1e3)
	}
	return fmt.Sprintf("%.3g B", x)
}

// short removes zeros after the decimal point, for axes.
func short(format func(float64) string) func(float64) string {
	return func(x float64) string {
		value, unit, _ := strings.Cut(format(x), " ")
		if strings.Contains(value, ".") {
			value = strings.TrimRight(strings.TrimRight(value, "0"), ".")
		}
		return strings.TrimSpace(value + " " + unit)
	}
}

// bytesText formats the size of messages.
func bytesText(n int) string {
	if n >= 1<<10 && n%(1<<10) == 0 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// share formats a fraction as a percentage.
func share(x float64) string { return number(100*x) + " %" }
