function __service_manager_complete
    set -l word (commandline --cut-at-cursor --current-token)
    set -l option (string match --regex -- '^--[^=]*=' $word)
    set -l path (string replace --regex -- '^--[^=]*=' '' $word)
    set -l words (commandline --current-process --cut-at-cursor --tokenize) $word
    for line in (service-manager completions fish -- (math (count $words) - 1) $words 2>/dev/null)
        switch $line
            case :files
                printf '%s\n' "$option"(__fish_complete_path $path)
            case :folders
                printf '%s\n' "$option"(__fish_complete_directories $path)
            case ':command *'
                # It is completed as if it stood alone.
                set -l begin (math (string replace ':command ' '' -- $line) + 1)
                set -l before
                test $begin -lt (count $words); and set before (string escape -- $words[$begin..-2])
                # Before 3.4 fish knows no `"$(...)"`.
                set -l whole (string join ' ' -- $before $word)
                complete --do-complete "$whole"
            case '*'
                echo $line
        end
    end
end
complete --command service-manager --no-files --keep-order --arguments '(__service_manager_complete)'
