#seal git : sh git /usr/lib/git-core/git-daemon
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git init -q -b main one
cd one
for i in $(seq 30); do seq "$i" 500 >"f$i"; done
git add . && git commit -q -m first
seq 9 800 >f3 && git diff --stat | tail -1
git commit -qam second
git log --format='%h %s' | cat
git checkout -q -b topic HEAD~1 && seq 3 >new && git add new && git commit -qm topic
git merge -q -m merge main
git rev-parse HEAD
git gc -q && git fsck --full 2>/dev/null; git count-objects | cut -d' ' -f1
git grep -c 500 | wc -l
printf '#!/bin/sh\necho hook\n' >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit
echo x >>f1 && git commit -qam hooked 2>&1
git blame -s f1 | tail -1
git stash -q 2>/dev/null || true
git worktree add -q ../tree HEAD && ls ../tree | wc -l
cd .. && git clone -q --no-local one two && git -C two log --oneline | wc -l
git daemon --reuseaddr --listen=127.0.0.1 --port="$PORT" --export-all --base-path="$WORK" "$WORK" 2>/dev/null &
port "$PORT"
git clone -q "git://127.0.0.1:$PORT/one" three && git -C three rev-parse HEAD
git -C three rebase -q HEAD~1 && git -C three status -s | wc -l
git archive --format=tar.gz --remote=one HEAD 2>/dev/null | tar -tz | wc -l
git clone -q git://127.0.0.1:1/none four 2>/dev/null || echo "exit $?"
