package adtext

import "testing"

func TestFold(t *testing.T) {
	t.Parallel()
	for _, same := range [][2]string{{"ABC", "abc"}, {"Müller", "MULLER"}, {"ＡＢＣ", "abc"}, {"é", "e\u0301"}, {"ΣΑΣ", "σας"}} {
		if Fold(same[0]) != Fold(same[1]) {
			t.Errorf("%q and %q differ: %q, %q", same[0], same[1], Fold(same[0]), Fold(same[1]))
		}
	}
	for _, different := range [][2]string{{"a", "b"}, {"a b", "ab"}, {"日", "本"}} {
		if Fold(different[0]) == Fold(different[1]) {
			t.Errorf("%q and %q are the same", different[0], different[1])
		}
	}
}
