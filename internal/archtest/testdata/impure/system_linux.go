package impure // want "left out on some systems"
