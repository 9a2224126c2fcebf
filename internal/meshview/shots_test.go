package meshview_test

import (
	"fmt"
	"os"
	"testing"
)

// TestPictures writes screenshots to the directory BOARD_SHOTS. Without it, the pages are
// still drawn and must have no console messages.
func TestPictures(t *testing.T) {
	dir := os.Getenv("BOARD_SHOTS")
	split := madeUp(12, 2)
	split.Problems = []problemJSON{
		{Text: "The mesh is in 2 parts: 7, 5 nodes.", Do: "The parts reconnect by themselves if each can reach a seed of the other."},
		{Node: split.Nodes[3].ID, Text: "It has 1 link of the 3 that it wants.", Do: "Check that others can dial the address that it advertises, and that MaxPeers leaves room."},
		{Node: split.Nodes[3].ID, Text: "2 seeds do not answer.", Do: "Start them, or remove them from the list. Without any seed, this node can't heal a partition."},
		{Node: split.Nodes[9].ID, Text: "1 seed does not answer.", Do: "Start them, or remove them from the list. Without any seed, this node can't heal a partition."},
	}
	split.Notices = []noticeJSON{{2, "10.0.0.4 joined"}, {8, "the mesh came apart: 7 and 5 nodes"}}
	hurt := madeUp(12, 1)
	hurt.silence(4)
	hurt.silence(7)
	hurt.Nodes[2].Links[0].Lag = 24000
	hurt.Nodes[2].Gaps = 3
	hurt.Problems = []problemJSON{
		{Text: "2 nodes do not answer any more: down or cut off.", Do: "If they run, check the network in between."},
		{Node: hurt.Nodes[2].ID, Text: "It lost events, in 3 runs.", Do: "Its OnGap was called."},
	}
	played := madeUp(200, 1)
	played.Source, played.Controls, played.CanEmit = "simulation", []string{"cut", "heal", "kill", "add"}, true
	for _, shot := range []struct {
		name string
		mesh meshJSON
	}{{"12", madeUp(12, 1)}, {"12-split", split}, {"12-hurt", hurt}, {"200", madeUp(200, 1)}, {"200-sim", played}, {"200-split", madeUp(200, 3)}, {"1000", madeUp(1000, 1)}} {
		for _, on := range []struct {
			name string
			screen
		}{{"light", wide}, {"dark", wide}, {"phone", phone}} {
			if dir == "" && (on.name != "phone" || len(shot.mesh.Nodes) > 200) {
				continue
			}
			on.dark = on.name == "dark"
			t.Run(shot.name+"-"+on.name, func(t *testing.T) {
				f, p := open(t, shot.mesh, on.screen)
				for i := range 3 {
					f.emit(eventJSON{At: 12 + float64(i), Name: "chat", Origin: shot.mesh.Nodes[i].ID, Seq: 7, Size: 120, Text: `["hello there"]`})
				}
				p.wait(fmt.Sprintf("smokesignal.drawn().nodes.length === %d", len(shot.mesh.Nodes)))
				p.wait(`document.querySelectorAll("#events li").length === 3`)
				if dir == "" {
					return
				}
				p.shoot(dir, shot.name+"-"+on.name)
				if on.phone {
					p.wait(`document.querySelector("#log").scrollIntoView() ?? true`)
					p.shoot(dir, shot.name+"-"+on.name+"-below")
				}
			})
		}
	}
}
