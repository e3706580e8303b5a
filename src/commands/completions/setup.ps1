Register-ArgumentCompleter -Native -CommandName 'service-manager' -ScriptBlock {
    param($word, $ast, $cursor)
    # What stands behind the cursor does not count. A word that is empty is no argument to some versions.
    $words = @($ast.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursor } | ForEach-Object { $_.Extent.Text })
    $index = if ($word) { $words.Count - 1 } else { $words.Count }
    & service-manager completions powershell '--' $index @words 2>$null | ForEach-Object {
        if ($_.StartsWith(':command ')) {
            # It is completed as if it stood alone.
            $begin = [int]$_.Substring(9)
            $start = if ($begin -lt $words.Count) { $ast.CommandElements[$begin].Extent.StartOffset } else { $cursor }
            $line = $ast.Extent.Text.Substring($start - $ast.Extent.StartOffset)
            $line = $line.Substring(0, [Math]::Min($line.Length, $cursor - $start))
            [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches
        }
        # Where nothing is proposed, PowerShell itself proposes files.
        elseif (-not $_.StartsWith(':')) {
            $value, $help = $_ -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
        }
    }
}
