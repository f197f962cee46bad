"""Use cases of teams: teams and their token pools."""
