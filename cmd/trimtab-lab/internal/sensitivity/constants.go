package sensitivity

import (
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Names are those of all constants.
func Names() []string {
	var out []string
	t := reflect.TypeFor[scorer.Constants]()
	for i := range t.NumField() {
		out = append(out, t.Field(i).Name)
	}
	return out
}

// scaled are the defaults with one constant times factor.
func scaled(name string, factor float64) scorer.Constants {
	k := scorer.DefaultConstants()
	scale(reflect.ValueOf(&k).Elem().FieldByName(name), factor)
	return k
}

// scale multiplies a constant, which is a number or a duration.
func scale(field reflect.Value, factor float64) {
	if field.Kind() == reflect.Float64 {
		field.SetFloat(field.Float() * factor)
		return
	}
	field.SetInt(int64(float64(field.Int()) * factor))
}

// nudge is what controls change constants by.
const nudge = 0.01

// nudged are the defaults with every constant a little more or less, by the toss of
// a coin.
func nudged(control uint64) scorer.Constants {
	k := scorer.DefaultConstants()
	all, coin := reflect.ValueOf(&k).Elem(), rand.New(rand.NewPCG(control, 0))
	for i := range all.NumField() {
		factor := 1 + nudge
		if coin.IntN(2) == 0 {
			factor = 1 / factor
		}
		scale(all.Field(i), factor)
	}
	return k
}

// text is a constant's value, as it is by default.
func text(name string) string {
	value := reflect.ValueOf(scorer.DefaultConstants()).FieldByName(name)
	if d, ok := value.Interface().(time.Duration); ok {
		return d.String()
	}
	return formatNumber(value.Float())
}
