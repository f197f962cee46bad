"""The door of this function. Route modules declare their routes on it."""

from stoa.http.door import Door

app = Door()
