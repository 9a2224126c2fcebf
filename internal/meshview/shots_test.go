package meshview_test

import (
	"fmt"
	"os"
	"testing"
)

// TestPictures writes what a person sees to the directory BOARD_SHOTS. Without it
// the pages are drawn all the same, and must not complain.
func TestPictures(t *testing.T) {
	dir := os.Getenv("BOARD_SHOTS")
	split := madeUp(12, 2)
	split.Problems = []problemJSON{
		{Text: "The mesh is in 2 parts: 7, 5 nodes.", Do: "Links between the parts come about by themselves if the parts can reach a seed of each other."},
		{Node: split.Nodes[3].ID, Text: "It has 1 link of the 3 that it wants.", Do: "Can others dial the address that it advertises? Is there room: MaxPeers?"},
		{Node: split.Nodes[3].ID, Text: "2 seeds do not answer.", Do: "Start them, or take them off the list; without any, a split can't be healed from here."},
		{Node: split.Nodes[9].ID, Text: "1 seed does not answer.", Do: "Start them, or take them off the list; without any, a split can't be healed from here."},
	}
	split.Notices = []noticeJSON{{2, "10.0.0.4 joined"}, {8, "the mesh came apart: 7 and 5 nodes"}}
	hurt := madeUp(12, 1)
	hurt.silence(4)
	hurt.silence(7)
	hurt.Nodes[2].Links[0].Lag = 24000
	hurt.Nodes[2].Gaps = 3
	hurt.Problems = []problemJSON{
		{Text: "2 nodes do not answer any more: down, or cut off.", Do: "If they run, a cut lies between: look at the network."},
		{Node: hurt.Nodes[2].ID, Text: "It lost events, in 3 runs.", Do: "Its OnGap was told."},
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
