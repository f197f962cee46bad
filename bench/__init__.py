"""Speed, measured against floors and peers inside one run: `make bench`. Nothing here is a timed test."""
