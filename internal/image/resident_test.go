package image

import "testing"

func TestResident(t *testing.T) {
	f := openSelf(t)
	resident := func() uint64 {
		all, files, err := Resident()
		if err != nil || files == 0 || all <= files {
			t.Fatalf("Resident says %d, of them %d of files (%v)", all, files, err)
		}
		return files
	}
	f.Evict()
	without := resident()
	sum := byte(0)
	for i := 0; i < len(f.Data); i += 4096 {
		sum += f.Data[i]
	}
	if with := resident(); with < without+uint64(len(f.Data))/2 {
		t.Errorf("pages of files are %d bytes before %d are read (%d), then %d", without, len(f.Data), sum, with)
	}
	f.Evict()
	if again := resident(); again > without+uint64(len(f.Data))/2 {
		t.Errorf("pages of files are %d bytes of %d after eviction", again, len(f.Data))
	}
}
