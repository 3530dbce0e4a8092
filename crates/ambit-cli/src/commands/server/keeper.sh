# Ends the process groups of servers: when it is told to, and those that are left when its input ends, however that came.
# Reads `begun GROUP` and `ended GROUP`. A shell's own `kill` reaches a group, and needs nothing to be installed.
trap "" HUP INT QUIT TERM

end() {
    kill -s TERM -- "-$1" || return
    sleep 1
    kill -s KILL -- "-$1"
}

left=" "
while read -r what group; do
    case $what in
    begun) left="$left$group " ;;
    ended)
        left="${left%% "$group" *} ${left#* "$group" }"
        (end "$group" &)
        ;;
    esac
done
for group in $left; do
    (end "$group" &)
done
