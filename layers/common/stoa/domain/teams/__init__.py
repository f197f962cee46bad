"""Rules of teams: teams and their token pools."""
