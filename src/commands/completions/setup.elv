use str
set edit:completion:arg-completer[service-manager] = {|@words|
    var index = (- (count $words) 1)
    service-manager completions elvish -- $index $@words 2>/dev/null | from-lines | each {|line|
        if (has-value [:files :folders] $line) {
            edit:complete-filename $words[-1]
        } elif (str:has-prefix $line ':command ') {
            # As behind `sudo`, what follows is completed as if it stood alone.
            edit:complete-sudo sudo (all $words[(num (str:trim-prefix $line ':command '))..])
        } else {
            var @parts = (str:split &max=2 "\t" $line)
            var about = ''
            if (> (count $parts) 1) {
                set about = '  '$parts[1]
            }
            edit:complex-candidate &display=$parts[0]$about $parts[0]
        }
    }
}
