"""The regret laboratory: play online convex problems, measure how regret grows, hunt for losses on which it does."""
